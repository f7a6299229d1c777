/** The least that gRPC costs: a bare grpc-js server that always answers the same bytes. */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { say, settings } from './listen.mjs';

const bytes = Buffer.from(settings.bytes, 'base64');
const same = (value) => value;
const server = new Server({ 'grpc.enable_channelz': 0 });
server.addService(
  {
    answer: {
      path: settings.path,
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  },
  { answer: (_call, done) => done(null, bytes) },
);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  say(port);
});
