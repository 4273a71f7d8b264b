"""Faults by switch: what goes wrong with whose calls, when and how often.

A *mishap* is one thing that can go wrong with a call: the reply is lost after the service acted, a page of HTML comes
instead of JSON, an item is missing from a batch's answer. Each is a small class with settings of its own and one
method (`mishap.Mishap`), and knows nothing of who it befalls. An *injection* (`injection.Injection`) lets one mishap
happen: to which calls (realm, app, method, path, entity, lane, operation, a text they contain), when (from and until,
after so many matching calls, so many times) and how often (every n-th, with a probability, by a seed).

    simulator.injections.add(Injection(LostReply(), lanes=("write",), probability=0.02))
    simulator.injections.add(Injection(ErrorPage(status=503), from_s=60, until_s=90))
    ...
    simulator.injections.counts()   # how often each matched and struck
    simulator.injections.clear()    # the world is well again

`kinds.MISHAPS` has every mishap by its name; each can be made without an argument, so that a rehearsal may draw them by
a seed. `notation` reads injections from a line, a TOML table or JSON. Same seed, same calls, same mishaps: each
injection draws from a random source of its own, so that one more does not move the others.

A befallen call is served apart from whoever sent it while `Simulator.running()` is open: the service goes on, and may
act, after the client has given up, as it would over a network. Both faces carry a mishap out: over HTTP resets and
slow bodies are the socket's, in process they are `UnansweredError` and time that passes (also virtual).
"""
