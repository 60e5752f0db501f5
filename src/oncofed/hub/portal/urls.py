"""The addresses people see. Every one answers a plain GET; those that change something are forms."""

from django.urls import path

from oncofed.hub.portal import views

app_name = "portal"

urlpatterns = [
    path("", views.home, name="home"),
    path("theme.css", views.theme, name="theme"),
    path("search/", views.cohort, name="search"),
    path("search/change/", views.change, name="change"),
    path("search/together/", views.together, name="together"),
    path("search/values/<slug:criterion>/", views.values, name="values"),
    path("search/ask/", views.ask, name="ask"),
    path("search/answers/<uuid:identifier>/", views.answer, name="answer"),
    path("search/save/", views.save, name="save"),
    path("searches/", views.searches, name="searches"),
    path("searches/<slug:slug>/", views.saved, name="saved"),
    path("searches/<slug:slug>/remove/", views.remove, name="remove"),
    path("datasets/", views.datasets, name="datasets"),
    path("datasets/<slug:dataset_id>/", views.dataset, name="dataset"),
    path("account/", views.account, name="account"),
    path("account/tokens/", views.create_token, name="create_token"),
    path("account/tokens/<int:number>/revoke/", views.revoke_token, name="revoke_token"),
    path("about/", views.about, name="about"),
    path("about/numbers/", views.numbers, name="numbers"),
    path("about/programs/", views.programs, name="programs"),
    path("about/accessibility/", views.accessibility, name="accessibility"),
    path("about/privacy/", views.privacy, name="privacy"),
]
