//! A system call, past everything that is interposed.
#![allow(unsafe_code)] // It is an instruction.

/// Makes system call `number`; an error is a small negative number.
///
/// # Safety
/// As that call demands.
#[cfg(target_arch = "x86_64")]
pub unsafe fn syscall(number: i64, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let result;
    // SAFETY: the caller answers for the call; the kernel clobbers rcx and r11 alone.
    // Source: syscall(2), "Architecture calling conventions".
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// Makes system call `number`; an error is a small negative number.
///
/// # Safety
/// As that call demands.
#[cfg(target_arch = "aarch64")]
pub unsafe fn syscall(number: i64, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let result;
    // SAFETY: the caller answers for the call; the kernel clobbers nothing else.
    // Source: syscall(2), "Architecture calling conventions".
    unsafe {
        core::arch::asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a as isize => result,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack),
        );
    }
    result
}
