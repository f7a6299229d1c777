import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { readJson } from '../exchange/strict-json.ts';
import type { Introspector } from '../exchange/types.ts';
import { fetchDocument } from './fetch-document.ts';
import {
  type ActiveToken,
  type ExpectedToken,
  readIntrospectionAnswer,
} from './introspection-answer.ts';
import type { Log } from './log.ts';
import type { Outgoing } from './outgoing.ts';

const maxBytes = 64 * 1024;
const maxInFlight = 64;
const maxAnswers = 10_000;
const maxCachedCharacters = 32 * 1024 * 1024;
const inactiveForMs = 10_000;
const longestMs = 60_000;
const repeatLogMs = 60_000;

export interface IntrospectorSettings extends ExpectedToken {
  readonly endpoint: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Log;
  readonly outgoing?: Outgoing | undefined;
}

/** An introspector that says how it goes. */
export interface CountedIntrospector extends Introspector {
  readonly endpoint: string;
  /** Questions so far, and those of them that got no clear answer or were not even sent. */
  counts(): { readonly asked: number; readonly failed: number };
}

type Answer = ActiveToken | 'inactive';
type Cached = { readonly answer: Answer; readonly until: number };

/**
 * A client of an introspection endpoint (RFC 7662). An active answer is believed for a minute and
 * never past the token's `exp`, an inactive one for 10 seconds; concurrent questions about one token
 * are asked once. Whatever is not a clear answer is `issuer_unavailable`.
 */
export function createIntrospector(settings: IntrospectorSettings): CountedIntrospector {
  const { now, endpoint } = settings;
  const counts = { asked: 0, failed: 0 };
  const complain = createComplaint(settings, counts);
  const ask = createQuestion(settings, complain);
  const answers = new LRUCache<string, Cached>({
    max: maxAnswers,
    maxSize: maxCachedCharacters,
  });
  const inFlight = new Map<string, Promise<Answer | 'issuer_unavailable'>>();

  function recall(hash: string): Answer | undefined {
    const cached = answers.get(hash);
    const leftMs = (cached?.until ?? 0) - now();
    // More than was given means that the clock was set back: the answer may be of any age.
    return leftMs > 0 && leftMs <= longestMs ? cached?.answer : undefined;
  }

  async function learn(hash: string, token: string): Promise<Answer | 'issuer_unavailable'> {
    const { answer, size } = await ask(token);
    inFlight.delete(hash);
    if (answer !== 'issuer_unavailable') {
      const until = answer === 'inactive' ? now() + inactiveForMs : answer.reusableUntil;
      answers.set(hash, { answer, until }, { size });
    }
    return answer;
  }

  return {
    endpoint,
    counts: () => counts,
    async introspect(token) {
      const hash = createHash('sha256').update(token).digest('base64');
      const known = recall(hash) ?? inFlight.get(hash);
      if (known !== undefined) return known;
      counts.asked++;
      if (inFlight.size >= maxInFlight) return complain('too many questions at once').answer;
      const learning = learn(hash, token);
      inFlight.set(hash, learning);
      return learning;
    },
  };
}

/** @returns a function that asks the server once; `size` is the length of its answer */
function createQuestion(
  { endpoint, clientId, clientSecret, now, issuer, audiences, outgoing }: IntrospectorSettings,
  complain: ReturnType<typeof createComplaint>,
) {
  const authorization = basicCredentials(clientId, clientSecret);

  return async (token: string) => {
    const fetched = await fetchDocument({
      url: endpoint,
      purpose: 'introspection',
      outgoing,
      maxBytes,
      authorization,
      // RFC 7662 §2.1
      form: new URLSearchParams({ token, token_type_hint: 'access_token' }),
      parse: (text) => {
        const answer = readJson(text);
        return answer === undefined ? undefined : { answer, size: text.length };
      },
    });
    if (!fetched.ok) return complain(fetched.reason);
    const answer = readIntrospectionAnswer(fetched.document.answer, {
      issuer,
      audiences,
      now: now(),
    });
    if (answer === 'malformed') return complain('the answer is not one of RFC 7662');
    return { answer, size: fetched.document.size };
  };
}

/** Logs each fault once a minute: while it lasts, every request meets it. */
function createComplaint({ endpoint, now, log }: IntrospectorSettings, counts: { failed: number }) {
  const said = new Map<string, number>();
  return (reason: string) => {
    counts.failed++;
    const at = said.get(reason);
    if (at === undefined || Math.abs(now() - at) >= repeatLogMs) {
      said.set(reason, now());
      log.warn({ endpoint, reason }, 'token introspection failed');
    }
    return { answer: 'issuer_unavailable', size: 0 } as const;
  };
}

/** RFC 6749 §2.3.1: both are form-urlencoded before they are joined. */
function basicCredentials(clientId: string, clientSecret: string): string {
  const pair = `${formEncode(clientId)}:${formEncode(clientSecret)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

function formEncode(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}
