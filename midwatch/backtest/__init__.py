"""The backtest: what would other rules, or another level, have made of the calls that were decided? Replays, runs nothing."""

from midwatch.backtest.change import Change, Past
from midwatch.backtest.judged import OneCore
from midwatch.backtest.play import backtest
from midwatch.backtest.replay import Replay, Trial
from midwatch.backtest.report import Report, refusal
from midwatch.backtest.sockets import SocketRefused, closed_sockets

__all__ = [
    "Change",
    "OneCore",
    "Past",
    "Replay",
    "Report",
    "SocketRefused",
    "Trial",
    "backtest",
    "closed_sockets",
    "refusal",
]
