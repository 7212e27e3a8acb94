// The service, as workloads/core/src/service.rs has it: the same routes, the same answers, byte for byte. Whatever runs it
// gives it a method, the target (path and query) and the body, and sends back what it returns.
import { digest } from "./sha256.mjs";

export const HELLO = "Hello from coldphase";
export const MAX_ECHO_BYTES = 1024 * 1024;
const DEFAULT_ITERATIONS = 1000;
const MAX_ITERATIONS = 10_000_000;

// The state behind /state: lives as long as the isolate.
let counter = 0;

// An iteration count from what a user typed, as Rust reads an unsigned number; throws a sentence for the user.
export function parseIterations(text) {
  const iterations = /^\+?[0-9]+$/.test(text) ? Number(text) : NaN;
  if (iterations <= MAX_ITERATIONS) return iterations;
  throw new RangeError(`iterations must be a whole number from 0 to ${MAX_ITERATIONS}, not \`${text}\``);
}

// SHA-256 applied to its own output, starting from 32 zero bytes, in hexadecimal.
export async function cpuHashHex(iterations = DEFAULT_ITERATIONS) {
  return digest(new Uint8Array(32), iterations);
}

async function cpu(query) {
  const asked = query.split("&").find((pair) => pair.startsWith("iterations="));
  let iterations;
  try {
    iterations = asked && parseIterations(asked.slice("iterations=".length));
  } catch (error) {
    return { status: 400, body: error.message };
  }
  return { status: 200, body: await cpuHashHex(iterations) };
}

// `body` is read only where it is asked for: it gives the whole of it, or nothing if it is longer than MAX_ECHO_BYTES.
export async function answer(method, target, body) {
  const at = target.indexOf("?");
  const [path, query] = at < 0 ? [target, ""] : [target.slice(0, at), target.slice(at + 1)];
  switch (`${method} ${path}`) {
    case "GET /":
      return { status: 200, body: HELLO };
    case "GET /cpu":
      return cpu(query);
    case "POST /echo": {
      const sent = await body();
      return sent ? { status: 200, body: sent } : { status: 413, body: `the body may have ${MAX_ECHO_BYTES} bytes at most` };
    }
    case "GET /state":
      return { status: 200, body: String(counter) };
    case "POST /state":
      return { status: 200, body: String(++counter) };
  }
  return ["/", "/cpu", "/echo", "/state"].includes(path)
    ? { status: 405, body: "method not allowed" }
    : { status: 404, body: "not found" };
}
