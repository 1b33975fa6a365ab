"""What a new leader learns from the history of a slice, put together with what it has seen itself."""

from math import inf

import msgspec

from aether.core.scaling.controller import SliceState
from aether.core.scaling.plans import LONGEST_S
from aether.core.scaling.window import pushed


def resumed(state: SliceState, learnt: SliceState) -> SliceState:
    """Return `state` with the lessons and the earlier loads of `learnt`, which `state_from` made.

    How long the slice has been watched stays as it is: a history may have holes, so nothing is given up
    sooner for it.
    """
    began = state.loads[0][0] if state.loads else inf
    loads = tuple([one for one in learnt.loads if one[0] < began])
    for moment, value in state.loads:
        loads = pushed(loads, moment, value, LONGEST_S)
    return msgspec.structs.replace(state, loads=loads, lessons=learnt.lessons)
