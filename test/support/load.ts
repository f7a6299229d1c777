import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

export interface LoadOptions {
  readonly port: number;
  readonly perSecond: number;
  /** In turn. */
  readonly requests: readonly LoadRequest[];
  /** Told of every answer; whatever it returns is a failure. */
  readonly judge: (answer: LoadAnswer, sent: LoadRequest) => string | undefined;
}

export interface LoadRequest {
  readonly path: string;
  readonly method?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly port?: number;
}

export interface LoadAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Load {
  /** Requests that were sent so far. */
  readonly sent: () => number;
  readonly failures: readonly string[];
  /** Sends no more, and waits for every answer. */
  readonly stop: () => Promise<void>;
}

const tick = 10;

/** Sends requests at a rate, on connections that it keeps, whatever the answers take. */
export function startLoad({ port, perSecond, requests, judge }: LoadOptions): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const failures: string[] = [];
  const inFlight = new Set<Promise<void>>();
  const began = performance.now();
  let sent = 0;

  function send(): void {
    const next = requests[sent++ % requests.length] as LoadRequest;
    const done = ask(agent, { port, ...next })
      .then((answer) => judge(answer, next))
      .catch((error: NodeJS.ErrnoException) => `${next.path}: ${error.code ?? error.message}`)
      .then((failure) => {
        if (failure !== undefined) failures.push(failure);
        inFlight.delete(done);
      });
    inFlight.add(done);
  }

  const timer = setInterval(() => {
    const due = ((performance.now() - began) / 1000) * perSecond;
    while (sent < due) send();
  }, tick);
  return {
    sent: () => sent,
    failures,
    async stop() {
      clearInterval(timer);
      await Promise.all(inFlight);
      agent.destroy();
      await delay(0);
    },
  };
}

function ask(agent: Agent, { body, ...options }: LoadRequest & { port: number }) {
  return new Promise<LoadAnswer>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', ...options, agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      const { statusCode: status = 0, headers } = response;
      response.on('end', () => resolve({ status, headers, body: text })).on('error', reject);
    });
    sent.on('error', reject).end(body);
  });
}
