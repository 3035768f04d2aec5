/** Logged once for each record of a batch that SQS must deliver again. An alarm counts these lines. */
export const recordFailed = 'record failed';
