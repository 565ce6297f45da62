"""What a device is told, as the log says it."""

from typing import Any


def summary(told: dict[str, Any]) -> str:
    """Return what matters of a message; a content by its last digits."""
    match told:
        case {"type": "device_command", "command": name}:
            return f"{name}"
        case {"revision": revision, "action": action, "content_id": content_id}:
            return f"r{revision} {action} {content_id[-4:]}{_where(told)}"
        case {"type": "ack", "id": name, "status": status}:
            return f"{status} r{told.get('revision')} for {name}"
        case {"items": items, "revision": revision}:
            contents = " ".join(sorted(item["content_id"][-4:] for item in items))
            return f"{told['type']} r{revision}{_where(told)}: {contents}"
    return " ".join(str(told[key]) for key in ("type", "id", "code", "revision") if key in told) + _where(told)


def _where(told: dict[str, Any]) -> str:
    return f" in {told['list']}" if "list" in told else ""
