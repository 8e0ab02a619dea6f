"""The keys that encrypt providers' keys, from the settings, for the composition root."""

from hearthside.kit.keys import MasterKeys
from hearthside.providers.keys import ProviderKeys
from hearthside.settings import Settings


def master_keys(settings: Settings) -> MasterKeys:
    """Errors: ValueError, in words for people."""
    return MasterKeys(settings.data_dir, setting=settings.master_key, previous_setting=settings.previous_master_key)


def provider_keys(keys: MasterKeys) -> ProviderKeys:
    """Follows a change of the master key while the server runs."""
    return ProviderKeys.following(lambda: keys.derived("provider-keys"))
