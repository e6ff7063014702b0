"""WebKitGTK as a browser that keeps what it stores, for `webkit.mjs`.

MiniBrowser gives a driven page a private session: nothing outlives a page, so a reload cannot be
tested in it. This is the same engine in a window of its own, with its data in a folder that the
caller names, which a later start with the same folder finds again.

`python3 webkit-browser.py FOLDER`, started by WebKitWebDriver, which says by an environment
variable of its own where it listens.
"""

import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gtk, WebKit2  # noqa: E402

WIDTH, HEIGHT = 1280, 800


def main(folder):
    Gtk.init()
    data = WebKit2.WebsiteDataManager(
        base_data_directory=f"{folder}/data", base_cache_directory=f"{folder}/cache"
    )
    context = WebKit2.WebContext(website_data_manager=data)
    context.set_automation_allowed(True)
    context.connect("automation-started", on_started, context)
    Gtk.main()


def on_started(_context, session, context):
    # The driver asks for a browser by this name; see `capabilities` in webkit.mjs.
    about = WebKit2.ApplicationInfo()
    about.set_name("ingle-webkit")
    about.set_version(
        WebKit2.get_major_version(), WebKit2.get_minor_version(), WebKit2.get_micro_version()
    )
    session.set_application_info(about)
    session.connect("create-web-view", lambda _: new_view(context))


def new_view(context):
    view = WebKit2.WebView(web_context=context, is_controlled_by_automation=True)
    window = Gtk.Window(default_width=WIDTH, default_height=HEIGHT)
    window.add(view)
    view.connect("close", lambda _: window.destroy())
    window.connect("destroy", lambda _: Gtk.main_quit())
    window.show_all()
    return view


if __name__ == "__main__":
    main(sys.argv[1])
