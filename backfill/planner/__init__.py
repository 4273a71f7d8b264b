"""What a run will take, before anybody starts it: a scenario in; time, calls and money out.

`scenario` is what a user writes; `company` reads simulated companies of it with the real jobs and pacing under virtual
time; `schedule` has the whole fleet of them take turns; `tiers` is what Intuit charges; `forecast` puts them together.
"""
