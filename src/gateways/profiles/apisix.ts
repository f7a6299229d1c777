import { forwardAuth } from '../forward-auth.ts';

/** Apache APISIX's forward-auth plugin. */
export const apisix = forwardAuth;
