/**
 * Notifies Tributary that a record was created, changed or deleted.
 *
 * It sends the record's type and id, never its content. If a notification fails, the script logs it and does
 * not retry; it never prevents NetSuite from saving the record.
 *
 * To install it, as an administrator:
 *
 * 1. Create a secret: Setup > Company > API Secrets > New, with the ID `_tributary` (it becomes
 *    `custsecret_tributary`) and a long random value, for example from `openssl rand -hex 32`. Under
 *    Restrictions, allow all scripts, or this script once step 3 has created it. Set the same value as
 *    the account's `signing_secret` in Tributary.
 * 2. Upload this file: Documents > Files > SuiteScripts.
 * 3. Create the script: Customization > Scripting > Scripts > New, with this file. Under Parameters, add one of
 *    the type Free-Form Text with the ID `_tributary_url` (it becomes `custscript_tributary_url`).
 * 4. Deploy it once for each type of record that you want to follow (Customer, Vendor, Invoice, Customer Payment, …), with
 *    the status Released, All Roles, and the account's webhook URL as the parameter's value.
 *
 * It cannot see changes that another user event script or a workflow makes while it runs, CSV imports with
 * "Run Server SuiteScript and Trigger Workflows" off, and requests that fail. Reconcile for those.
 *
 * @NApiVersion 2.1
 * @NScriptType UserEventScript
 * @NModuleScope SameAccount
 */
define(['N/crypto', 'N/crypto/random', 'N/encode', 'N/https', 'N/log', 'N/runtime'], (
  crypto,
  random,
  encode,
  https,
  log,
  runtime,
) => {
  const secretId = 'custsecret_tributary';
  const urlParameter = 'custscript_tributary_url';

  function sign(text) {
    const key = crypto.createSecretKey({ secret: secretId, encoding: encode.Encoding.UTF_8 });
    const hmac = crypto.createHmac({ algorithm: crypto.HashAlg.SHA256, key });
    hmac.update({ input: text, inputEncoding: encode.Encoding.UTF_8 });
    return hmac.digest({ outputEncoding: encode.Encoding.BASE_64 });
  }

  function send(url, message) {
    const now = new Date();
    const timestamp = String(Math.floor(now.getTime() / 1000));
    const body = JSON.stringify({ id: random.generateUUID(), occurred_at: now.toISOString(), ...message });
    const { code } = https.post({
      url,
      body,
      headers: {
        'Content-Type': 'application/json',
        'X-NetSuite-Timestamp': timestamp,
        'X-NetSuite-Signature': sign(timestamp + body),
      },
    });
    if (code < 200 || code > 299) throw new Error(`Tributary answered ${code}`);
  }

  function afterSubmit(context) {
    // No fault here may prevent the user from saving.
    try {
      const record = context.newRecord || context.oldRecord;
      const url = runtime.getCurrentScript().getParameter({ name: urlParameter });
      if (!url) throw new Error(`the parameter ${urlParameter} is empty`);
      send(url, {
        account: runtime.accountId,
        event: context.type,
        record_type: record.type,
        record_id: String(record.id),
      });
    } catch (error) {
      log.error({ title: 'Notifying Tributary of a change failed', details: error });
    }
  }

  return { afterSubmit };
});
