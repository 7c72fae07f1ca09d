SELECT epoch, seq, next_offset, applied FROM consumer_progress WHERE false;
SELECT records FROM outbox WHERE false;
