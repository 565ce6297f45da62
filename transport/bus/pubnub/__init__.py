"""The bus engine ``pubnub``."""
