// The service for runtimes that listen themselves and call what a module exports for each request.
import { MAX_ECHO_BYTES, answer } from "./service.mjs";

async function read(request) {
  const body = new Uint8Array(await request.arrayBuffer());
  return body.length <= MAX_ECHO_BYTES && body;
}

export default {
  async fetch(request) {
    // As it was sent: behind the scheme and the host.
    const target = request.url.slice(request.url.indexOf("/", "https://".length));
    const { status, body } = await answer(request.method, target, () => read(request));
    return new Response(body, { status });
  },
};
