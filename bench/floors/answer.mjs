/** The least that HTTP costs: a bare `node:http` server that always answers the same. */
import { listen, settings } from './listen.mjs';

const { status, headers, body } = settings.answer;

listen((_req, res) => {
  res.writeHead(status, headers);
  res.end(body === '' ? undefined : body);
});
