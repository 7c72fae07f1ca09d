"""Faults of the services: kills, stops, failing steps, rebalances, restarts and jumps of the clock."""
from catalogue import fault, happens, hold

BATCH_POINTS = ("batch_begin", "batch_locked", "batch_applied", "batch_commit", "batch_committed", "batch_published")
INGEST_POINTS = ("ingest_produce", "publication_queued", "ingest_acknowledged")
WEBHOOK_POINTS = ("delivery_begin", "delivery_done", "flush_begin", "flush_locked", "flush_commit", "flush_committed")
FAILING_POINTS = ("batch_begin", "batch_commit", "ingest_produce")  # whose callers handle an error
REACHED_S = 8.0   # within which the load must reach a failpoint
ACQUIRED_S = 2.6  # longer than a session's timeout: the other replica acquires the partitions


def pick_replica(system, service, random):
    return random.choice(system.replicas[service])


def kill_now(system, service, random):
    one = pick_replica(system, service, random)
    one.kill()
    hold(random, 0.0, 0.5)
    one.start(wait_ready=False)


def stop_now(system, service, random):
    one = pick_replica(system, service, random)
    one.pause()
    try:
        hold(random, 0.3, 1.5 if service == "ingest" else ACQUIRED_S)
    finally:
        one.resume()


def restart_at(one, failpoint):
    """Stops with SIGTERM, so that the other replica need not wait for a session timeout, and starts under load."""
    one.stop()
    one.start(wait_ready=False, failpoint=failpoint)


def kill_at(system, service, random, point):
    one = pick_replica(system, service, random)
    restart_at(one, f"{point}:kill@{random.randint(1, 4)}")
    hit = happens(lambda: not one.running(), REACHED_S)
    if not hit:
        one.kill()
    one.start(wait_ready=False)
    return hit


def stop_at(system, service, random, point):
    """Stops at the failpoint. Another replica usually acquires a consumer's partitions; then this one resumes as a fenced owner."""
    one = pick_replica(system, service, random)
    nth, long, last = random.randint(1, 4), service != "ingest" and random.random() < 0.7, random.random()
    restart_at(one, f"{point}:stop@{nth}")
    try:
        hit = happens(one.stopped, REACHED_S)
        if hit:
            hold(random, ACQUIRED_S if long else 0.3, ACQUIRED_S + 0.5 if long else 1.0)
    finally:
        one.resume()
    if not hit or last < 0.3:  # otherwise the failpoint may stop it in a later cycle
        one.kill()
        one.start(wait_ready=False)
    return hit


def fail_at(system, service, random, point):
    """The step fails at the failpoint a few times; the program continues."""
    one = pick_replica(system, service, random)
    times = sorted(random.sample(range(1, 30), 5))
    restart_at(one, ",".join(f"{point}:error@{n}" for n in times))
    hold(random, 1.0, 2.0)
    one.kill()
    one.start(wait_ready=False)


def add_service_faults(service, points, ending=""):
    """ending: of the names of faults at failpoints that another service has, too."""
    short = service.replace("-", "_")

    def at(run, point):
        return lambda system, random: run(system, service, random, point)

    fault(f"kill_{short}", service, "kill -9 at any moment")(lambda s, r: kill_now(s, service, r))
    fault(f"stop_{short}", service, "SIGSTOP at any moment, then SIGCONT")(lambda s, r: stop_now(s, service, r))
    for point in points:
        fault(f"kill_at_{point}{ending}", service, f"kill -9 when it passes {point} for the nth time")(at(kill_at, point))
        fault(f"stop_at_{point}{ending}", service, f"SIGSTOP at {point}" + ("" if service == "ingest" else
              "; another replica usually acquires its partitions, and it resumes as a fenced owner"))(at(stop_at, point))
        if point in FAILING_POINTS and not ending:
            fault(f"fail_at_{point}{ending}", service, f"{point} fails a few times, and the program continues")(at(fail_at, point))


add_service_faults("chat-sync", BATCH_POINTS)
add_service_faults("ingest", INGEST_POINTS)
add_service_faults("webhook-dispatcher", WEBHOOK_POINTS)
fault("fail_at_flush", "webhook-dispatcher", "its commit fails a few times, and the program continues")(
    lambda s, r: fail_at(s, "webhook-dispatcher", r, "batch_commit"))


def rebalance_storm(system, service, random):
    extra = [system.storm_replica(service, name) for name in ("three", "four")]
    for _ in range(random.randint(2, 3)):
        for one in extra:
            one.start(wait_ready=False)
        hold(random, 0.2, 1.2)
        for one in extra:
            if random.random() < 0.5:
                one.kill()
            else:
                one.port()  # SIGTERM would kill it before it has installed its handler
                one.stop()


def rolling_restart(system, service, random):
    for one in random.sample(system.replicas[service], len(system.replicas[service])):
        one.stop()
        one.start()


for service, ending in (("chat-sync", ""), ("webhook-dispatcher", "_of_dispatchers")):
    fault(f"rebalance_storm{ending}", service, "two more replicas join and leave, by SIGTERM and kill -9")(
        lambda s, r, service=service: rebalance_storm(s, service, r))
    fault(f"rolling_restart{ending}", service, "each replica ends by SIGTERM, with 0, and starts again")(
        lambda s, r, service=service: rolling_restart(s, service, r))


@fault("restart_ingest", "ingest", "ends by SIGTERM, with 0, while bridges post, and starts again")
def restart_ingest(system, random):
    system.ingest.stop()
    hold(random, 0.0, 0.3)
    system.ingest.start(wait_ready=False)


def clock_jumps(system, service, random):
    clock = system.clocks[pick_replica(system, service, random).label]
    try:
        for _ in range(2):
            clock.jump(random.choice((-1, 1)) * 10 ** random.uniform(0, 5.4))  # a second to three days
            hold(random, 0.3, 1.0)
    finally:
        clock.jump(0)


fault("clock_jump_chat_sync", "chat-sync", "its wall clock jumps by up to three days, forward and back")(
    lambda s, r: clock_jumps(s, "chat-sync", r))
fault("clock_jump_ingest", "ingest", "its wall clock jumps by up to three days, forward and back")(
    lambda s, r: clock_jumps(s, "ingest", r))


fault("clock_jump_webhook_dispatcher", "webhook-dispatcher", "its wall clock jumps by up to three days, forward and back")(
    lambda s, r: clock_jumps(s, "webhook-dispatcher", r))
