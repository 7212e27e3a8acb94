console.log("Hello from coldphase");
