import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';
import { authorizationName } from './authorization-service.ts';
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  healthCheckRequest,
  healthCheckResponse,
} from './messages.ts';

/** The gRPC health checking protocol: whether requests should come. */
export const healthService: ServiceDefinition = {
  check: { ...healthMethod('Check'), responseStream: false },
  watch: { ...healthMethod('Watch'), responseStream: true },
};

function healthMethod(name: string) {
  return {
    path: `/grpc.health.v1.Health/${name}`,
    requestStream: false,
    requestSerialize: healthCheckRequest.encode,
    requestDeserialize: healthCheckRequest.decode,
    responseSerialize: healthCheckResponse.encode,
    responseDeserialize: healthCheckResponse.decode,
  };
}

const health = { serving: 1, notServing: 2, serviceUnknown: 3 };
/** Milliseconds. */
const watchEvery = 1000;

function healthOf({ service }: HealthCheckRequest, isServing: () => boolean): number {
  if (service !== '' && service !== authorizationName) return health.serviceUnknown;
  return isServing() ? health.serving : health.notServing;
}

export function healthCheckHandler(
  isServing: () => boolean,
): handleUnaryCall<HealthCheckRequest, HealthCheckResponse> {
  return ({ request }, done) => {
    const state = healthOf(request, isServing);
    if (state === health.serviceUnknown) done({ code: status.NOT_FOUND });
    else done(null, { status: state });
  };
}

export function healthWatchHandler(
  isServing: () => boolean,
): handleServerStreamingCall<HealthCheckRequest, HealthCheckResponse> {
  return (call) => {
    let told: number | undefined;
    const tell = () => {
      const state = healthOf(call.request, isServing);
      if (state !== told) call.write({ status: state });
      told = state;
    };
    tell();
    const timer = setInterval(tell, watchEvery).unref();
    call.on('cancelled', () => {
      clearInterval(timer);
      call.end();
    });
  };
}
