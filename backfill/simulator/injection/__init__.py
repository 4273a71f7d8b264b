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

What was seen of Intuit, or is feared, and the line that brings it about (`notation`):

    no answer, and it was done          lost_reply lanes=write
    no answer, and it was not done      lost_reply lanes=write after_commit=false
    done, after the client gave up      delay lanes=write before_s=100
    no answer, ever                     lost_reply hold_s=300
    504 after two minutes, and done     gateway_timeout lanes=batch after_commit=true
    429, and done                       too_many_requests lanes=write after_commit=true
    429 for the month's quota           too_many_requests lanes=query,batch,cdc,report after=500000
    429 for one item of a batch         item_fault code=3001
    200 with a Fault                    api_fault code=6000 status=200
    200 with a sentence (6190)          bare_text lanes=write
    200 with a page to sign in          error_page status=200
    a page that takes too long          answer_too_large over_rows=500 code=6002 lanes=query
    a report that comes empty           truncated_body lanes=report share=0
    one row more than asked for         behaviour entities=TimeActivity settings.limit_plus_one=true
    items in another order              behaviour settings.batch_shuffled=true
    a requestid without any effect      behaviour settings.request_id_again=executed
    a value of a refresh token lost     lost_reply lanes=token
    two workers that refresh at once    refresh_race lanes=token
    everybody's first call fails        error_page status=502 times=1 apart=realm
    each request fails once             error_page status=503 times=1 apart=request

To add a mishap: a frozen dataclass with `befall` in the file of its family, every setting with a default; its name in
`kinds`; a test beside those of the family. The command, the profile, the control path and rehearsals have it then.

A befallen call is served apart from whoever sent it while `Simulator.running()` is open: the service goes on, and may
act, after the client has given up, as it would over a network. Both faces carry a mishap out: over HTTP resets and
slow bodies are the socket's, in process they are `UnansweredError` and time that passes (also virtual).
"""
