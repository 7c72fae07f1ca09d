SELECT epoch, seq, next_offset, applied FROM consumer_progress WHERE false;
SELECT topic, records FROM outbox WHERE false;
SELECT owner, epoch, seq, until FROM leases WHERE false;
