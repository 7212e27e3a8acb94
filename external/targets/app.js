addEventListener("fetch", (event) => event.respondWith(handle(event.request)));

async function handle(request) {
  const { pathname } = new URL(request.url);
  if (pathname !== "/hello") return new Response("not found\n", { status: 404 });
  return new Response("Hello from JavaScript\n", { headers: { "content-type": "text/plain" } });
}
