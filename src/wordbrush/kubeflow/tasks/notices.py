"""Word of a run's end: an exit task that posts it to a webhook.

`submit --notify` compiles the task in. It runs however the stages ended, as KFP's exit handler: an
Argo hook of the DAG that holds them (KFP 2.14 or newer, which tells an exit task the state). The
webhook's address is a secret, since whoever knows it may post there: the cluster's Secret has it,
and nothing here shows it.
"""

import time

import requests

from wordbrush.process import variable

NOTIFY = "notify"  # the component
SECRET, KEY, VARIABLE = "wordbrush-webhook", "url", "WORDBRUSH_WEBHOOK"
TIMEOUT = (5.0, 10.0)  # seconds to connect, and for each part of the answer
TRIES, PAUSE = 3, 5.0  # seconds between two tries
# What KFP's servers and its local runner call the ends of a run. A stage that was killed outright
# told no end.
ENDS = {
    "COMPLETE": "succeeded",
    "SUCCEEDED": "succeeded",
    "CACHED": "succeeded",
    "FAILED": "failed",
    "CANCELED": "was canceled",
    "RUNNING": "was killed (KFP still calls it running)",
}


def notify(state: str, run: str, ui: str, pause: float = PAUSE) -> None:
    """Post how a run ended, where the environment names a webhook.

    state: as KFP calls it. ui: the address of the KFP UI. pause: seconds between two tries.
    Never fails: a run must not fail because nobody could be told of it.
    """
    end = ENDS.get(state, f"ended without success (KFP says {state.lower()})")
    text = f"Wordbrush: the run {run} {end}. {ui}/#/runs/details/{run}"
    print(text)
    address = variable(VARIABLE)
    if address is None:
        print(f"The Secret {SECRET} names no webhook ({KEY}): nobody is told.")
        return
    for attempt in range(TRIES):
        if attempt:
            time.sleep(pause)
        fault, again = _post(address, text)
        if fault is None or not again:
            break
    print("The webhook was told." if fault is None else f"The webhook was not told: {fault}.")


def _post(address: str, text: str) -> tuple[str | None, bool]:
    """What went wrong, if something did, and whether another try may help.

    The faults of `requests` name the address, so only their kind is told.
    """
    try:
        answer = requests.post(address, json={"text": text}, timeout=TIMEOUT, allow_redirects=False)
    except (requests.ConnectionError, requests.Timeout) as error:
        return type(error).__name__, True
    except requests.RequestException as error:
        return f"the Secret's address is not usable ({type(error).__name__})", False
    if answer.ok and not answer.is_redirect:
        return None, False
    return f"it answered {answer.status_code}", answer.status_code >= 500
