// Keeps what goes wrong in the page: errors, console errors, and whatever the policy had to refuse.
window.wrongs = [];
addEventListener("error", (event) => window.wrongs.push(`error: ${event.message || event.target?.src}`), true);
addEventListener("unhandledrejection", (event) => window.wrongs.push(`rejection: ${event.reason}`));
addEventListener("securitypolicyviolation", (event) => window.wrongs.push(`asked for ${event.blockedURI}`));
console.error = (...all) => window.wrongs.push(`console: ${all.join(" ")}`);
