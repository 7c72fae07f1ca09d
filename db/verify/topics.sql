SELECT topic FROM outbox WHERE false;
SELECT owner, epoch, seq, until FROM leases WHERE false;
SELECT 1 / (count(*) = 2)::int FROM pg_policies WHERE tablename = 'leases';
