"""What bounds a call to a vendor, for whoever makes one and for whoever reckons with those under way."""

#: A call's time limit, from connecting to the last byte.
CALL_SECONDS = 15.0
#: The largest answer that is read; more counts as unreadable.
ANSWER_BYTES = 8 * 1024 * 1024
