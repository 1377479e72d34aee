"""Tasks as array jobs of AWS Batch.

`settings` is what a user sets, `request` makes the SubmitJob call, `calls` makes calls at a bounded
rate, `failures` classifies failed children, `jobs` is the scheduler that the array driver talks to.
`preflight`, `image_check` and `trial` check the account, the image and the model beforehand;
`rehearsal`, `outlook` and `pricing` predict duration and dollars. Start with `executor.py`.
"""
