"""Random scripts for clients' cores: what a shell may put in, as likely as the code that it reaches is rare."""

from collections.abc import Callable
from random import Random
from typing import Any, Final

from syncd_client.data.collection_names import collection_of_list

from tests.clients.lock_step import START_MS, Pair, Step
from tests.clients.register_scripts import ANSWERS, CONTENTS, EPOCHS, PAYLOAD, RegisterScript, timestamp

STEPS: Final = 60
USERS: Final = ("alice", "alice", "alice", "bob")
LISTS: Final = ("kids", "party")
STATUSES: Final = (None, 400, 401, 401, 403, 404, 426, 429, 500, 503)
CODES: Final = (1000, 1001, 1006, 1006, 1008, 1011, 1012, 3000, 4000, 4001, 4008, 4499, 4500, 4500, 4501, 4999)
SPANS_MS: Final = (1, 250, 1_000, 10_000, 20_000, 31_000, 60_000, 3_600_000)
ODD_TOKENS: Final = (
    "",
    " \t",
    "opaque",
    " opaque\r\n",
    "Bearer t",
    "bearer t",
    "t t",
    "t\nt",
    "{t}",
    "\u00e9t",
    "t\U0001f600",
)
NO_MESSAGES: Final = (
    "",
    "{",
    "null",
    "[]",
    "7",
    '"resumed"',
    "{}",
    '{"type": 7}',
    '{"type": "brand_new", "revision": 1}',
)


class Script:
    """Draws one step after the other, each one that is possible where ``pair`` stands."""

    def __init__(self, rng: Random, pair: Pair) -> None:
        self._rng = rng
        self._pair = pair
        self._registers = RegisterScript(rng, pair)
        """Draws what is about progress and devices."""
        self._list_id: str | None = None
        """The list that the message is about."""
        self._list = (9, "e1")
        """Revision and epoch of the list that comes in pieces."""
        self._tokens = [*map(self._claims, "ABCDE"), {"value": rng.choice(ODD_TOKENS)}]
        """The app has few: that one comes back is what matters."""
        self._is_strict = rng.random() < 0.2
        """Whether it is about a network that hardly ever lets an upgrade through."""
        self._burst = [f"{CONTENTS[0][:-2]}{number:02x}" for number in range(70)] if rng.random() < 0.05 else []
        """What is added first: more than may be in flight at once."""
        self.steps = STEPS * (1 + self._is_strict) + len(self._burst)
        """How long the script is."""

    def next_step(self) -> Step:
        """Return what happens next."""
        pair, chance = self._pair, self._rng.random()
        if self._burst and pair.python.user_id is not None:
            return {"app": {"add": self._burst.pop()}}
        if chance < (0.1 if self._is_strict else 0.2):
            return self._app()
        if chance < (0.15 if self._is_strict else 0.3):
            return self._from_outside()
        if pair.is_probing and chance < 0.5:
            return {"probed": chance < 0.4}
        if pair.is_asked and (chance < 0.6 or not pair.is_open):
            return self._token()
        if pair.is_opening:
            return self._end_of_opening()
        if pair.is_open:
            return self._on_connection(chance)
        if pair.python.state == "waiting" and (self._is_strict or chance < 0.4):
            return {"advance": 31_000}
        return {"app": {"sign_in": self._rng.choice(USERS)}} if chance < 0.7 else {"app": "connect"}

    def _end_of_opening(self) -> Step:
        chance, is_upgrade = self._rng.random(), self._pair.python.transport == "websocket"
        if self._is_strict and is_upgrade and chance < 0.7:
            return {"open_failed": {"status": 426, "problem": "no upgrade"} if chance < 0.4 else {}}
        if self._is_strict and chance < 0.3:
            return {"advance": 20_000}
        return {"open": True} if chance < 0.9 else {"open_failed": self._refusal()}

    def _on_connection(self, chance: float) -> Step:
        if chance < 0.34:
            return {"heard": True}
        if chance < 0.36 and not self._pair.is_asked:
            return {"token": self._rng.choice(self._tokens), "late": True}
        if chance < 0.45 and self._pair.python.transport == "polling":
            return {"polled": True}
        if chance < 0.6 and self._pair.python.transport != "websocket":
            return {"advance": 15_000}
        return {"server": self._message()} if chance < 0.96 else {"close": self._rng.choice(CODES)}

    def _app(self) -> Step:
        if self._registers.is_drawn:
            return self._registers.app()
        chance, content_id = self._rng.random(), self._rng.choice(CONTENTS)
        if self._pair.python.user_id is None and chance < 0.3:
            return {"app": {"add": content_id}, "raises": True}
        if self._pair.python.user_id is None or chance < 0.02:
            return {"app": {"sign_in": self._rng.choice(USERS)}}
        if chance < 0.05:
            return {"app": {"sign_out": {"erase": chance < 0.04}}}
        if chance < 0.10:
            return {"app": "disconnect" if chance < 0.06 else "connect" if chance < 0.08 else "wake"}
        if chance < 0.12:
            return {
                "app": {"add": self._rng.choice(("tt0111161", content_id + "\n", "", content_id[:-1] + "ß"))},
                "raises": True,
            }
        if chance < 0.15:
            return {"app": {"remove": content_id.upper()}}
        if chance < 0.2:
            return {"app": {"open_list": self._rng.choice(LISTS)}}
        list_id = self._rng.choice((None, *self._pair.python.opened_lists))
        of_list = {} if list_id is None else {"list": list_id}
        return {
            "app": {"add": content_id, **of_list, **self._carried()}
            if chance < 0.65
            else {"remove": content_id, **of_list}
        }

    def _carried(self) -> dict[str, object]:
        carried: dict[str, object] = {"position": self._rng.choice("abc")} if self._rng.random() < 0.3 else {}
        return carried | ({"data": self._rng.choice(({}, {"n": 1}))} if self._rng.random() < 0.3 else {})

    def _from_outside(self) -> Step:
        chance = self._rng.random()
        if chance < 0.5:
            return {"advance": self._rng.choice(SPANS_MS)}
        if chance < 0.65:
            return {"clock": START_MS + self._rng.choice((-(10**8), -1, 0, 1, 10**5, 10**9))}
        if chance < 0.85:
            return {"random": self._rng.choice((0.0, 0.25, 0.999999, self._rng.random()))}
        return {"restart": True}

    def _token(self) -> Step:
        chance = self._rng.random()
        if chance < 0.1:
            return {"token_failed": True} if chance < 0.08 else {"token_unusable": "a number"}
        if self._is_strict and chance < 0.8:
            return {"token": {"value": f"good{self._rng.randrange(1_000)}"}}
        return {"token": self._rng.choice(self._tokens)}

    def _claims(self, value: str) -> dict[str, Any]:
        claims: dict[str, Any] = {"value": value}
        if self._rng.random() < 0.8:
            claims["sub"] = self._rng.choice(USERS)
        if self._rng.random() < 0.6:
            claims["exp"] = START_MS // 1000 + self._rng.choice((-100, 0, 60, 90, 90.5, 91, 3_600))
        return claims

    def _refusal(self) -> dict[str, Any]:
        status = self._rng.choice(STATUSES)
        refusal: dict[str, Any] = {} if status is None else {"status": status}
        if self._rng.random() < 0.3:
            refusal["retry_after_s"] = self._rng.choice((0, 1, 7, 120, 86_400))
        if status is not None and self._rng.random() < 0.6:
            refusal["problem"] = self._rng.choice(("no", ""))
        return refusal

    # What the service says

    def _message(self) -> object:
        is_live = self._pair.python.state == "live"
        if (of_registers := self._registers.message(is_live=is_live)) is not None:
            return of_registers if self._rng.random() < 0.95 else self._mutilated(of_registers)
        self._list_id = self._rng.choice((None, *self._pair.python.opened_lists))
        kinds: list[tuple[int, Callable[[], object]]] = [
            (30 if is_live else 8, self._update),
            (2 if is_live else 20, self._resumed),
            (2 if is_live else 6, self._snapshot),
            (2 if is_live else 14, self._piece),
            (30 if is_live else 2, self._ack),
            (20 if is_live else 2, self._error),
            (2, self._goodbye),
            (3, self._other),
            (2, lambda: self._rng.choice(NO_MESSAGES)),
        ]
        (draw,) = self._rng.choices([draw for _, draw in kinds], [weight for weight, _ in kinds])
        message = self._named(draw())
        return self._mutilated(message) if isinstance(message, dict) and self._rng.random() < 0.05 else message

    def _mutilated(self, message: dict[str, Any]) -> object:
        """Return ``message``, or what is in it, without some field, or with another type's value in it."""
        within = [message, message.get("timestamp"), *message.get("items", ())]
        broken = self._rng.choice([part for part in within if part])
        name = self._rng.choice(sorted(broken))
        if self._rng.random() < 0.5:
            del broken[name]
        else:
            broken[name] = self._rng.choice((7, 1.5, "7", "", True, [], {}, [7], {"physical": 7}))
        return message

    def _named(self, message: object) -> object:
        """Return the message as one about ``_list_id``."""
        if self._list_id is not None and isinstance(message, dict):
            kind = str(message["type"])
            if kind == "resumed" or kind.startswith("watchlist"):
                return {**message, "type": kind.replace("watchlist", "list"), "list": self._list_id}
        return message

    def _revision(self, *steps: int) -> int:
        revision = self._pair.revision_of(collection_of_list(self._list_id))
        return max(0, revision + self._rng.choice(steps))

    def _maybe(self, **fields: object) -> dict[str, object]:
        return {name: value for name, value in fields.items() if self._rng.random() < 0.8}

    def _timestamp(self) -> dict[str, object]:
        return timestamp(self._rng)

    def _update(self) -> object:
        fields = self._maybe(timestamp=self._timestamp(), device_id="tv", unique_tag="syncd:1")
        if self._rng.random() < 0.97:
            fields["revision"] = self._revision(1, 1, 1, 1, 1, 1, 1, 1, 0, 2)
        action = "add" if self._rng.random() < 0.6 else "remove"
        fields |= self._carried()
        return {"type": "watchlist_update", "content_id": self._rng.choice(CONTENTS), "action": action, **fields}

    def _resumed(self) -> object:
        is_recovered = self._rng.random() < 0.6
        revision, epoch = self._revision(0, 0, 0, 1, 2, 5), self._rng.choice(EPOCHS)
        if not is_recovered and self._rng.random() < 0.7:
            revision, epoch = self._list
        reason = {} if is_recovered else {"reason": self._rng.choice(("history_pruned", "other_epoch"))}
        return {"type": "resumed", "recovered": is_recovered, "revision": revision, "epoch": epoch, **reason}

    def _items(self) -> list[object]:
        return [
            {
                "content_id": content_id,
                **self._maybe(timestamp=self._timestamp(), unique_tag="syncd:2"),
                "device_id": "tv",
                **self._carried(),
            }
            for content_id in self._rng.sample(CONTENTS, self._rng.randint(0, 4))
        ]

    def _snapshot(self) -> object:
        revision = self._revision(-3, 0, 0, 3)
        items = self._items()
        return {"type": "watchlist_snapshot", "revision": revision, "epoch": self._rng.choice(EPOCHS), "items": items}

    def _piece(self) -> object:
        if self._rng.random() < 0.1:
            self._list = self._revision(0, 2, 9), self._rng.choice(EPOCHS)
        revision, epoch = self._list
        fields: dict[str, object] = {"start": True} if self._rng.random() < 0.4 else {}
        if self._rng.random() < 0.7:
            fields["next"] = self._rng.choice(("c1", "c/2+x=", "ü &"))
        kind = "watchlist_snapshot_piece"
        return {"type": kind, "revision": revision, "epoch": epoch, "items": self._items(), **fields}

    def _id(self) -> dict[str, object]:
        chance = self._rng.random()
        if chance < 0.05:
            return {}
        if not self._pair.sent or chance < 0.1:
            return {"id": self._rng.choice(("r1.1", "r9.9", 7))}
        return {"id": self._rng.choice(self._pair.sent)}

    def _ack(self) -> object:
        fields = self._maybe(timestamp=self._timestamp(), revision=self._revision(1, 1, 0, 2, 4))
        return {"type": "ack", **self._id(), "status": self._rng.choice(ANSWERS), **fields}

    def _error(self) -> object:
        fields = self._rng.choice(
            (
                {"code": "not_found"},
                {"code": "try_again_later"},
                {"code": "try_again_later", "retry_after_ms": self._rng.choice((0, 1, 500, 5_000))},
                {"code": "malformed", "field": "timestamp"},
                {"code": "malformed", "field": "content_id"},
                {"code": "quota_exceeded", "field": "tag"},
                {"code": "quota_exceeded", "field": "tag"},
                {"code": "quota_exceeded", "field": "content_id"},
                {"code": "unauthorized"},
            )
        )
        return {"type": "error", **self._id(), "message": "no", **fields}

    def _goodbye(self) -> object:
        return {"type": "goodbye", "reason": "restart", "reconnect_in_ms": self._rng.choice((0, 2_000, 9_000))}

    def _other(self) -> object:
        return self._rng.choice(
            (
                {"type": "pong"},
                {"type": "authenticated", "expires_in_s": 60},
                {"type": "progress_update", "content_id": CONTENTS[0], "position": 7, "duration": 70},
                {"type": "device_command", "command": "play"},
                {"type": "device_command", "command": "play", "target_device": "tv", **PAYLOAD},
            )
        )
