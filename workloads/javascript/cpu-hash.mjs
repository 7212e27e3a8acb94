// `cpu-hash.mjs [ITERATIONS]`: SHA-256 over its own output, the digest printed.
import { cpuHashHex, parseIterations } from "./service.mjs";

const [, , asked] = process.argv;
try {
  console.log(await cpuHashHex(asked && parseIterations(asked)));
} catch (error) {
  console.error(`cpu-hash: ${error.message}`);
  process.exitCode = 2;
}
