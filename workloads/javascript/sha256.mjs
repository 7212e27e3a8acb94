// SHA-256 by the runtime: what it has in machine code. Asked for when it is needed: a service that computes nothing does not
// pay for it.
export async function digest(bytes, times) {
  const { createHash } = await import("node:crypto");
  let hash = bytes;
  for (let n = 0; n < times; n++) hash = createHash("sha256").update(hash).digest();
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
