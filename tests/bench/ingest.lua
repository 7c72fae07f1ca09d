-- wrk's part of ingest.py: sends the requests of a file, each "<bytes>\n" and as it goes over the wire, again and again.
-- Nothing is made or signed at run time.
local requests, at = {}, 0

function init(args)
	local file = assert(io.open(args[1], "rb"))
	local bytes = file:read("*n")
	while bytes do
		file:read(1)
		requests[#requests + 1] = file:read(bytes)
		bytes = file:read("*n")
	end
end

function request()
	at = at % #requests + 1
	return requests[at]
end

function done(summary, latency)
	local e = summary.errors
	print(string.format("figures %d %d %d %d %d", summary.requests, summary.duration,
		e.connect + e.read + e.write + e.timeout + e.status, latency:percentile(50), latency:percentile(99)))
end
