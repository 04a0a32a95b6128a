"""gainstage delivers Segment and RudderStack events to Gainsight CS, PX and the clickstream endpoint."""

__version__ = "0.1.0"
