// What one run of the script says comes in some forty messages, and Streamlit's page draws itself anew for each of them.
// Here they wait for the run's last and are handed over in one task: React then draws once.
{
  const NEW_SESSION = 4, SCRIPT_FINISHED = 6;  // fields of Streamlit's ForwardMsg: a run's first message, and its last
  const LONGEST = 150;  // milliseconds that the first waits for the last; a longer run shows its progress

  // Which of the two a message is; 0 for all others. The fields of a protocol buffer: a tag, then a number or a length.
  const kind = (bytes) => {
    let at = 0;
    const number = () => {
      let value = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[at++];
        value += (byte & 127) * 2 ** shift;
        if (!(byte & 128)) return value;
      }
    };
    while (at < bytes.length) {
      const tag = number(), field = tag >> 3;
      if (field === NEW_SESSION || field === SCRIPT_FINISHED) return field;
      const value = number();
      if ((tag & 7) === 2) at += value;
    }
    return 0;
  };

  const listen = WebSocket.prototype.addEventListener;
  WebSocket.prototype.addEventListener = function (type, listener, options) {
    if (type !== "message") return listen.call(this, type, listener, options);
    let waiting = [], late = 0;
    const handOver = () => {
      clearTimeout(late);
      late = 0;
      const events = waiting;
      waiting = [];
      for (const event of events) listener.call(this, event);
    };
    return listen.call(this, type, (event) => {
      waiting.push(event);
      const field = event.data instanceof ArrayBuffer ? kind(new Uint8Array(event.data)) : 0;
      if (field === NEW_SESSION) late ||= setTimeout(handOver, LONGEST);
      else if (field === SCRIPT_FINISHED || !late) handOver();
    }, options);
  };
}
