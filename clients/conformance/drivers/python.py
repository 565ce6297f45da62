"""The Python client's driver for ``run.py``, as a program: ``python run.py --exec "python drivers/python.py"``."""

import json
import sys
from collections.abc import Callable
from typing import Any

import msgspec
from syncd_client import MemoryStore
from syncd_client.core import outputs
from syncd_client.core.core import Core, CoreDeps, NotSignedInError
from syncd_client.core.outputs import Output
from syncd_client.core.token import Token
from syncd_client.data import messages
from syncd_client.data.ids import canonical
from syncd_client.stores.store import Store

Json = dict[str, Any]


class PythonDriver:
    """The core, on a store of the client's own."""

    def __init__(self, new_store: Callable[[], Store] = MemoryStore) -> None:
        self._new_store = new_store
        self._store = new_store()
        self._now_ms, self._random, self._replicas = 0, 0.0, 0
        self._core = self._new_core()

    def ask(self, question: Json) -> Json:
        """Return the answer to one line."""
        self._now_ms, self._random = question["now_ms"], question["random"]
        answer: Json = {}
        match question:
            case {"scenario": _}:
                self._store.close()
                self._store, self._replicas, self._core = self._new_store(), 0, self._new_core()
            case {"restart": True}:
                self._core = self._new_core()
            case {"input": given}:
                try:
                    out = self._put(given)
                except (NotSignedInError, TypeError, ValueError) as error:
                    answer = {"raised": str(error)}
                else:
                    answer = {"outputs": [shown for output in out if (shown := self._perform(output)) is not None]}
        core = self._core
        answer |= {"state": core.state, "transport": core.transport, "queue": core.queued}
        shown = {"list": core.items, "lists": {list_id: core.items_of(list_id) for list_id in core.opened_lists}}
        registers = {"progress": core.progress, "devices": core.devices}
        shown |= {name: items for name, items in registers.items() if name in core.wanted}
        shown |= {"catalogue": core.catalogue} if "lists" in core.wanted else {}
        answer |= msgspec.to_builtins(shown)
        return answer

    def _new_core(self) -> Core:
        return Core(
            CoreDeps(now_ms=lambda: self._now_ms, random=lambda: self._random, new_replica=self._new_replica),
        )

    def _new_replica(self) -> str:
        self._replicas += 1
        return f"r{self._replicas}"

    def _put(self, given: Json) -> list[Output]:
        match given:
            case {"app": {"sign_in": user_id}}:
                return self._core.sign_in(user_id, self._store.load(user_id))
            case _:
                return put(self._core, given)

    def _perform(self, output: Output) -> Json | None:
        """Store what is to be stored, and return anything else as the runner is told."""
        match output:
            case outputs.Save(user_id=user_id, changes=changes):
                self._store.save(user_id, changes)
                return None
            case outputs.Erase(user_id=user_id):
                self._store.erase(user_id)
                return None
            case outputs.AskToken():
                return {"type": "ask_token"}
            case outputs.Open(transport=transport, target=target, token=token):
                return {"type": "open", "transport": transport, "target": target, "token": token}
            case outputs.Probe(target=target, token=token):
                return {"type": "probe", "target": target, "token": token}
            case outputs.Send(message=message):
                return {"type": "send", "message": json.loads(messages.encode(message))}
            case outputs.Close():
                return {"type": "close"}
            case outputs.StartTimer(timer=timer, after_ms=after_ms):
                return {"type": "start_timer", "timer": timer, "after_ms": after_ms}
            case outputs.StopTimer(timer=timer):
                return {"type": "stop_timer", "timer": timer}
            case outputs.Emit(event=event):
                told = msgspec.to_builtins(event)
                if told.get("content_id") == "":  # it is about a device
                    del told["content_id"]
                return {"type": "emit", "event": told}


def put(core: Core, given: Json) -> list[Output]:
    """Put an input, any but ``sign_in``, which needs a store, into ``core``. Raises: as the core does."""
    match given:
        case {"app": {"sign_out": {"erase": erase}}}:
            return core.sign_out(erase=erase)
        case {"app": {"open_list": list_id}}:
            return core.open_list(list_id)
        case {"app": "flush"}:
            return core.flush()
        case {
            "app": {"open": _} | {"report": _} | {"collection": _} | {"update_device": _} | {"forget_device": _} as call
        }:
            return _put_into_registers(core, call)
        case {"app": {"add": content_id, **said}}:
            return core.enqueue("add", canonical(content_id), *item_of(said))[1]
        case {"app": {"remove": content_id, **said}}:
            return core.enqueue("remove", canonical(content_id), *item_of(said))[1]
        case {"app": "connect"}:
            return core.connect()
        case {"app": "disconnect"}:
            return core.disconnect()
        case {"app": "wake"}:
            return core.wake()
        case {"token": token}:
            return core.token(Token(**token))
        case {"token_failed": True}:
            return core.token_failed("none")
        case {"token_unusable": reason}:
            return core.token_unusable(reason)
        case {"open": True}:
            return core.opened()
        case {"open_failed": refusal}:
            status, problem = refusal.get("status"), refusal.get("problem")
            return core.open_failed("refused", status, refusal.get("retry_after_s", 0), problem)
        case {"heard": True}:
            return core.heard()
        case {"polled": True}:
            return core.polled()
        case {"probed": is_there}:
            return core.probed(is_there=is_there)
        case {"server": message}:
            return core.received(messages.decode(json.dumps(message)))
        case {"close": code}:
            return core.closed(code, "closed")
        case {"due": timer}:
            return core.due(outputs.Timer(timer))
        case _:
            raise AssertionError(given)


def _put_into_registers(core: Core, call: Json) -> list[Output]:
    (name, about), *said = call.items()
    match name:
        case "open":
            return core.open(about)
        case "report":
            return core.report(canonical(about), **dict(said))
        case "remove":
            return core.remove_progress(canonical(about))[1]
        case "update_device":
            return core.update_device(about, **dict(said))[1]
        case _:
            return core.forget_device(about)[1]


def item_of(said: Any) -> tuple[Any, ...]:
    """Return what the core is told of an item beside its content, if anything: of which list, data and position."""
    return (said.get("list"), said.get("data"), said.get("position")) if said else ()


if __name__ == "__main__":
    driver = PythonDriver()
    for line in sys.stdin:
        print(json.dumps(driver.ask(json.loads(line))), flush=True)
