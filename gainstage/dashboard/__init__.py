"""What the server shows to people and to monitoring, beside the tracking API."""
