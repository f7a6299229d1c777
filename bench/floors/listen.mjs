import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

/** What the runner wrote for this floor. */
export const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));

/** Serves on a free port of loopback, and says which. */
export function listen(handler) {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1', () => say(server.address().port));
}

export function say(port) {
  console.log(`listening on ${port}`);
}
