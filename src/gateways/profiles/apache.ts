import { forwardAuth } from '../forward-auth.ts';

/** Apache httpd, by a mod_lua hook that sends the forward-auth headers. */
export const apache = forwardAuth;
