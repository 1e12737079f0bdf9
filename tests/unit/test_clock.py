"""mediastack.clock: one spelling of a moment."""

from mediastack import clock


def test_timestamp_is_utc_with_milliseconds_and_reads_back():
    assert clock.timestamp(0) == "1970-01-01T00:00:00.000+00:00"
    assert clock.seconds(clock.timestamp(1234567890.125)) == 1234567890.125
