"""What daypart needs of a cloud, as one stack that is created, updated and shown."""

from daypart.deployment.deploy import Deployment, deploy, template
from daypart.deployment.executor_settings import settings_toml

__all__ = ["Deployment", "deploy", "settings_toml", "template"]
