//! The first sector of a disk: reads the kernel that follows it and starts it by the PVH protocol.
//!
//! Its code is never part of the running kernel; `cargo xtask bare-metal` takes the section out of the image, writes
//! down in it what is to be loaded, and puts it in front of the kernel:
//!
//! | offset | what |
//! |---|---|
//! | 0x100 | 32-bit entry address |
//! | 0x104 | load address |
//! | 0x108 | sectors to load |
//! | 0x110 | `start_info` |
//! | 0x150 | command line, ending in a zero byte before 0x1fe |
//! | 0x1fe | 55 aa |

use core::arch::global_asm;

// Addresses count from 0x7c00, where the BIOS puts the sector, and not from where the linker puts the section. The disk
// is read through the registers of the first IDE channel: there is no BIOS in protected mode, and the kernel goes
// above the memory that real mode reaches.
global_asm!(
    r#"
    .section .boot_sector, "", @progbits
    .set BASE, 0x7c00
    .set DATA, 0x1f0
    .set COUNT, 0x1f2
    .set STATUS, 0x1f7
    .set READ_SECTORS, 0x20
sector:
    .code16
    cli
    xorw %ax, %ax
    movw %ax, %ds
    inb $0x92, %al
    orb $2, %al
    outb %al, $0x92
    lgdtl BASE + sector_gdt_pointer - sector
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $0x08, $(BASE + sector_protected - sector)

    .code32
sector_protected:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $BASE, %esp
    cld
    movl BASE + 0x104, %edi
    movl $1, %esi
sector_next:
    movw $STATUS, %dx
1:  inb %dx, %al
    testb $0x80, %al
    jnz 1b
    movw $COUNT, %dx
    movb $1, %al
    outb %al, %dx
    movl %esi, %eax
    incw %dx
    outb %al, %dx
    shrl $8, %eax
    incw %dx
    outb %al, %dx
    shrl $8, %eax
    incw %dx
    outb %al, %dx
    movb $0xe0, %al
    incw %dx
    outb %al, %dx
    movb $READ_SECTORS, %al
    incw %dx
    outb %al, %dx
2:  inb %dx, %al
    andb $0x88, %al
    cmpb $0x08, %al
    jne 2b
    movw $DATA, %dx
    movl $256, %ecx
    rep insw
    incl %esi
    decl BASE + 0x108
    jnz sector_next

    movl $(BASE + 0x110), %ebx
    movl BASE + 0x100, %eax
    jmp *%eax

    .balign 8
sector_gdt:
    .quad 0
    .quad 0x00cf9a000000ffff
    .quad 0x00cf92000000ffff
sector_gdt_pointer:
    .word 23
    .long BASE + sector_gdt - sector

    .org 0x100
    .long 0, 0, 0, 0
    .long 0x336ec578, 1, 0, 0
    .quad 0
    .quad BASE + 0x150
    .quad 0, 0
    .org 0x1fe
    .byte 0x55, 0xaa
"#,
    options(att_syntax)
);
