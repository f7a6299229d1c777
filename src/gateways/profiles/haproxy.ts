import { forwardAuth } from '../forward-auth.ts';

/** HAProxy, by a Lua action that sends the forward-auth headers. */
export const haproxy = forwardAuth;
