// Everything in the address after the question mark becomes an attribute of the widget.
const chat = document.querySelector("ingle-chat");
for (const [name, value] of new URLSearchParams(location.search)) chat.setAttribute(name, value);
