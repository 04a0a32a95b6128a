"""Definitions of audiences and computed traits between forms, the API's documents, and words. Pure."""
