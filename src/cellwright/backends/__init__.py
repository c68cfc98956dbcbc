"""A plan in, something that runs out. Floor 2: each backend is a module with `refuses` and `run`.

    refuses(plan, call) -> one sentence why it cannot run this call, or None
    run(plan, call)     -> Outcome

`eager` runs everything; the others are faster where they apply. To add one: write the two functions here and
name the module in `runtime.choose`.
"""
