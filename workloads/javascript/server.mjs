// The service for runtimes in which a program listens by itself: by the server that each has of its own, or else by Node's.
// Its argument is the address, IP:PORT.
const [hostname, digits] = process.argv[2].split(":");
const port = Number(digits);
if (globalThis.Bun) {
  const { default: service } = await import("./fetch.mjs");
  Bun.serve({ hostname, port, fetch: service.fetch });
} else if (globalThis.Deno) {
  const { default: service } = await import("./fetch.mjs");
  Deno.serve({ hostname, port, onListen() {} }, service.fetch);
} else {
  const { createServer } = await import("node:http");
  const { MAX_ECHO_BYTES, answer } = await import("./service.mjs");
  const read = async (request) => {
    const chunks = [];
    let length = 0;
    for await (const chunk of request) if ((length += chunk.length) <= MAX_ECHO_BYTES) chunks.push(chunk);
    return length <= MAX_ECHO_BYTES && Buffer.concat(chunks);
  };
  const server = createServer(async (request, response) => {
    const { status, body } = await answer(request.method, request.url, () => read(request));
    response.writeHead(status, { "content-length": Buffer.byteLength(body) }).end(body);
  });
  server.listen(port, hostname);
}
