"""One model, without a database."""
import django
from django.conf import settings
from django.db import models

if not settings.configured:
    settings.configure(INSTALLED_APPS=[], DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
    django.setup()


class Thing(models.Model):
    class Meta:
        app_label = "things"
