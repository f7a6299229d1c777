import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import type { GatewayPorts } from './gateway-lab.ts';
import { type Started, start } from './process.ts';
import { programs } from './programs.ts';

const compose = z.strictObject({
  services: z.strictObject({
    app: z.strictObject({ image: z.string(), labels: z.record(z.string(), z.string()) }),
  }),
});

/** Starts Traefik on the shipped example. */
export function startTraefik(home: string): Started {
  return start(programs.traefik, ['--configFile=traefik.yaml'], {
    cwd: join(home, 'countersign'),
  });
}

/**
 * Starts Traefik on the shipped labels: it reads them from Docker, of which the little stands in here
 * that it asks. What labels cannot say of TLS stays in a file.
 */
export function startTraefikWithLabels(home: string, { backend }: GatewayPorts): Started {
  const folder = join(home, 'countersign');
  const read = (file: string) => readFileSync(join(folder, file), 'utf8');
  const { labels } = compose.parse(parse(read('labels.yaml'))).services.app;
  const port = 'traefik.http.services.app.loadBalancer.server.port';
  const socket = join(home, 'docker.sock');
  const docker = createDocker({ ...labels, [port]: String(backend) }).listen(socket);

  writeFileSync(join(folder, 'tls.yaml'), stringify({ tls: parse(read('dynamic.yaml')).tls }));
  const settings = parse(read('traefik.yaml'));
  settings.providers = {
    file: { filename: 'tls.yaml' },
    docker: { endpoint: `unix://${socket}`, exposedByDefault: false, watch: false },
  };
  writeFileSync(join(folder, 'labelled.yaml'), stringify(settings));
  const program = start(programs.traefik, ['--configFile=labelled.yaml'], { cwd: folder });
  void program.ended.then(() => docker.close());
  return program;
}

/** Docker's interface with one running container. */
function createDocker(labels: Readonly<Record<string, string>>): Server {
  const container = {
    Id: 'app',
    Name: '/app',
    State: { Status: 'running', Running: true },
    Config: { Labels: labels },
    HostConfig: { NetworkMode: 'shop' },
    NetworkSettings: { Networks: { shop: { IPAddress: '127.0.0.1' } } },
  };
  const answers: Readonly<Record<string, unknown>> = {
    '/_ping': 'OK',
    '/version': { Version: '29.0.0', ApiVersion: '1.52', MinAPIVersion: '1.44' },
    '/containers/json': [{ Id: 'app', Names: ['/app'], Labels: labels }],
    '/containers/app/json': container,
  };
  return createServer((request, response) => {
    const [path = ''] = (request.url ?? '').replace(/^\/v[\d.]+/, '').split('?');
    const answer = answers[path];
    response.statusCode = answer === undefined ? 404 : 200;
    response.setHeader('Api-Version', '1.52');
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(answer ?? {}));
  });
}
