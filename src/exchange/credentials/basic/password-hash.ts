import { randomBytes } from 'node:crypto';
import { parseOptions as readArgon2Costs } from '@node-rs/argon2';
import { parseOptions as readBcryptCosts } from '@node-rs/bcrypt';

/** What one check may cost: beyond these a stored hash would be a way to stop the service. */
const limits = {
  argon2MemoryKiB: 256 * 1024,
  argon2MemoryTimesPassesKiB: 1024 * 1024,
  argon2Parallelism: 16,
  bcryptCost: 15,
};

const bcryptHash = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;
/** PHC string; a salt of at least 8 and an output of at least 16 bytes. */
const argon2Hash =
  /^\$argon2(?:id|i|d)\$v=(?:16|19)\$m=\d{1,10},t=\d{1,10},p=\d{1,3}\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}$/;

/** @returns what is wrong with a stored hash, without repeating it; undefined when it can be used */
export function passwordHashProblem(hash: string): string | undefined {
  try {
    if (bcryptHash.test(hash)) return bcryptProblem(hash);
    if (argon2Hash.test(hash)) return argon2Problem(hash);
  } catch {
    return 'the hash is damaged';
  }
  return 'only bcrypt ($2a$, $2b$, $2y$) and argon2 hashes are accepted';
}

function bcryptProblem(hash: string): string | undefined {
  const { cost } = readBcryptCosts(hash);
  return cost > limits.bcryptCost
    ? `the bcrypt cost is ${cost}, above the limit of ${limits.bcryptCost}`
    : undefined;
}

function argon2Problem(hash: string): string | undefined {
  const { memoryCost, timeCost, parallelism } = readArgon2Costs(hash);
  const tooExpensive =
    memoryCost > limits.argon2MemoryKiB ||
    memoryCost * timeCost > limits.argon2MemoryTimesPassesKiB ||
    parallelism > limits.argon2Parallelism;
  return tooExpensive
    ? `the argon2 cost is too high (at most m=${limits.argon2MemoryKiB}, m*t=${limits.argon2MemoryTimesPassesKiB}, p=${limits.argon2Parallelism})`
    : undefined;
}

export function isBcrypt(hash: string): boolean {
  return hash.startsWith('$2');
}

/**
 * Makes a hash that no password matches and that costs as much to check as most of the given ones,
 * so that a user who does not exist takes the same time as one who does.
 *
 * @returns undefined when there are none
 */
export function createDummyHash(hashes: Iterable<string>): string | undefined {
  const groups = new Map<string, { count: number; example: string }>();
  for (const hash of hashes) {
    const group = groups.get(costs(hash));
    if (group) group.count++;
    else groups.set(costs(hash), { count: 1, example: hash });
  }
  const [most] = [...groups.values()].sort((one, other) => other.count - one.count);
  return most && withRandomOutput(most.example);
}

function costs(hash: string): string {
  const fields = hash.split('$');
  return isBcrypt(hash) ? `bcrypt ${fields[2]}` : fields.slice(1, 4).join('$');
}

/** Keeps kind, costs and salt; only the output, which no password gives, is new. */
function withRandomOutput(hash: string): string {
  if (isBcrypt(hash)) return hash.slice(0, -31) + bcryptBase64(randomBytes(23));
  const [output = ''] = hash.split('$').slice(-1);
  const bytes = randomBytes(Math.floor((output.length * 3) / 4));
  return hash.slice(0, -output.length) + bytes.toString('base64').replaceAll('=', '');
}

const base64Alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const bcryptAlphabet = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

function bcryptBase64(bytes: Buffer): string {
  const digits = [...bytes.toString('base64').replaceAll('=', '')];
  return digits.map((digit) => bcryptAlphabet[base64Alphabet.indexOf(digit)]).join('');
}
